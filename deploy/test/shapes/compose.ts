import { z } from 'zod'

/** The part of the Compose specification that compose.yaml uses. Any other key is a mistake. */

const service = z.strictObject({
  image: z.string().optional(),
  build: z.strictObject({ context: z.string(), dockerfile: z.string() }).optional(),
  command: z.array(z.string()).optional(),
  init: z.boolean().optional(),
  restart: z.enum(['no', 'always', 'on-failure', 'unless-stopped']),
  read_only: z.boolean(),
  tmpfs: z.array(z.literal('/tmp')).optional(),
  cap_drop: z.array(z.literal('ALL')),
  security_opt: z.array(z.string()).optional(),
  stop_grace_period: z
    .string()
    .regex(/^\d+s$/)
    .optional(),
  pids_limit: z.int().positive(),
  mem_limit: z.string().regex(/^\d+[mg]$/),
  environment: z.record(z.string().regex(/^[A-Z_]+$/), z.string()).optional(),
  ports: z.array(z.string().regex(/^127\.0\.0\.1:\d+:\d+$/)).optional(),
  volumes: z.array(z.string().regex(/^[^:]+:\/[^:]+(:ro)?$/)).optional(),
  networks: z.union([z.array(z.string()), z.record(z.string(), z.strictObject({ ipv4_address: z.ipv4() }))]),
  depends_on: z.array(z.string()).optional(),
})

export const composeFile = z.strictObject({
  'x-application': z.unknown(),
  'x-gateway': z.unknown(),
  'services': z.record(z.string(), service),
  'networks': z.record(
    z.string(),
    z.strictObject({
      ipam: z.strictObject({ config: z.array(z.strictObject({ subnet: z.cidrv4(), ip_range: z.cidrv4() })) }),
    }),
  ),
  'volumes': z.record(z.string(), z.null()),
})
