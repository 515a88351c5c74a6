import type { SupervisorConfig } from '@sluice/gitworker/config/config'
import { openS3 } from '@sluice/gitworker/lfs/storage/s3/open-s3'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { silentLog } from '@sluice/shared/telemetry/log'
import { ok, warning } from './findings/finding.ts'
import type { Finding } from './findings/finding.ts'
import { problemsOf } from './findings/from-start-checks.ts'

const about = 'SLUICE_LFS_S3_ENDPOINT'

/** Whether S3 answers, and lets this key list the bucket, if objects of LFS are kept there. */
export async function checkLfsStorage(config: SupervisorConfig): Promise<Finding[]> {
  const { lfsS3Endpoint: endpoint, lfsS3Bucket: bucket } = config
  if (endpoint === undefined) return []
  const findings: Finding[] = []
  const problems = await problemsOf(about, async () => {
    await using opened = new AsyncDisposableStack()
    const storage = await openS3(config, endpoint, opened, silentLog)
    const problem = await storage.probe().then(() => undefined, inWords)
    const todo =
      'Compare SLUICE_LFS_S3_* with the bucket. Until it answers, objects of LFS cannot be pushed or fetched.'
    if (problem === undefined) findings.push(ok(about, `${endpoint} lists the bucket ${bucket}.`))
    else findings.push(warning(about, `${endpoint} does not list the bucket ${bucket}: ${problem}.`, todo))
  })
  return [...findings, ...problems]
}

function inWords(error: unknown): string {
  const cause = error instanceof Refusal ? error.cause : error
  return cause instanceof Error ? cause.message : String(cause)
}
