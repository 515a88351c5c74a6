import type { Setting } from '../../setting/setting.ts'
import { checked, orOff, text, toggle } from '../../setting/values.ts'

/** `SLUICE_LFS_S3_ENDPOINT` turns all of these on. */
export const lfsS3 = {
  lfsS3Endpoint: {
    name: 'SLUICE_LFS_S3_ENDPOINT',
    apps: ['supervisor'],
    takes: 'off, or an address such as https://s3.eu-central-1.amazonaws.com, without a path',
    purpose:
      'Where objects of LFS are kept instead of in their repositories. Clients get signed addresses there, so they must reach it by the same name. A bucket, and both files of a key, are needed, too.',
    fallback: 'off',
    schema: orOff(checked(originOf)),
  },
  lfsS3Bucket: {
    name: 'SLUICE_LFS_S3_BUCKET',
    apps: ['supervisor'],
    takes: 'off, or the name of a bucket',
    purpose: 'The bucket, which must exist.',
    fallback: 'off',
    schema: orOff(checked((value) => (/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(value) ? value : undefined))),
  },
  lfsS3Region: {
    name: 'SLUICE_LFS_S3_REGION',
    apps: ['supervisor'],
    takes: 'the name of a region, such as eu-central-1',
    purpose: 'Which region requests are signed for. Servers of one’s own often take any, or us-east-1.',
    fallback: 'us-east-1',
    schema: checked((value) => (/^[a-z0-9-]{1,64}$/.test(value) ? value : undefined)),
  },
  lfsS3Prefix: {
    name: 'SLUICE_LFS_S3_PREFIX',
    apps: ['supervisor'],
    takes: 'off, or a path such as sluice/lfs',
    purpose: 'What the keys of all objects begin with. Other things may then be in the same bucket.',
    fallback: 'off',
    schema: orOff(checked((value) => (/^(?:\w[\w.-]{0,63}\/){0,7}\w[\w.-]{0,63}\/?$/.test(value) ? value : undefined))),
  },
  lfsS3KeyIdFile: {
    name: 'SLUICE_LFS_S3_KEY_ID_FILE',
    apps: ['supervisor'],
    takes: 'off, or the path of a file',
    purpose: 'The id of the access key. Read again when it changes.',
    fallback: 'off',
    schema: orOff(text()),
  },
  lfsS3SecretFile: {
    name: 'SLUICE_LFS_S3_SECRET_FILE',
    apps: ['supervisor'],
    takes: 'off, or the path of a file',
    purpose: 'The secret of the access key. Read again when it changes.',
    fallback: 'off',
    schema: orOff(text()),
  },
  lfsS3PathStyle: {
    name: 'SLUICE_LFS_S3_PATH_STYLE',
    apps: ['supervisor'],
    takes: 'on or off',
    purpose:
      'Whether the bucket is the beginning of the path (on), or of the host name (off). Every server takes the first; AWS advises the second.',
    fallback: 'on',
    schema: toggle(),
  },
} satisfies Record<string, Setting<unknown>>

/** @returns scheme and authority; undefined for what has more */
function originOf(value: string): string | undefined {
  if (!/^https?:\/\//.test(value) || !URL.canParse(value)) return undefined
  const { origin, pathname, search, hash, username, password } = new URL(value)
  return pathname === '/' && search + hash + username + password === '' ? origin : undefined
}
