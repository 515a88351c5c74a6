/**
 * What a member could not do.
 *
 * - `away`: this member cannot; another one may.
 * - `login`: it does not take the token.
 * - `stranger`: it is of another cluster of etcd, or no etcd at all.
 * - `refused`: etcd's last word, whichever member is asked.
 */
export type FailureKind = 'away' | 'login' | 'stranger' | 'refused'

export class MemberFailure extends Error {
  override readonly name = 'MemberFailure'
  readonly kind: FailureKind
  /** Whether what was asked may have been done all the same. */
  readonly mayBeDone: boolean

  constructor(kind: FailureKind, message: string, mayBeDone = false, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
    this.mayBeDone = mayBeDone
  }
}

/** What was thrown elsewhere comes from an answer that is not as etcd's are. */
export function asFailure(error: unknown): MemberFailure {
  if (error instanceof MemberFailure) return error
  return new MemberFailure('away', error instanceof Error ? error.message : String(error), true, { cause: error })
}

/** etcd's own words, of which some decide what happens next (`api/v3rpc/rpctypes/error.go`). */
export const words = {
  leaseNotFound: 'etcdserver: requested lease not found',
  leaseExists: 'etcdserver: lease already exists',
  compacted: 'etcdserver: mvcc: required revision has been compacted',
  noUsers: 'etcdserver: authentication is not enabled',
  noUser: 'etcdserver: user name is empty',
  oldUsers: 'etcdserver: revision of auth store is old',
  invalidToken: 'etcdserver: invalid auth token',
  permissionDenied: 'etcdserver: permission denied',
  noLeader: 'etcdserver: no leader',
}

/** Whether etcd's last word was this. */
export function isRefusal(error: unknown, message: string): boolean {
  return error instanceof MemberFailure && error.kind === 'refused' && error.message === message
}

/** Codes of gRPC: https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
const codes = {
  invalidArgument: 3,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  outOfRange: 11,
  unimplemented: 12,
  unauthenticated: 16,
}

/** What an error of etcd means. What is not known for certain may have been done. */
export function failureOf(code: unknown, message: string): MemberFailure {
  if (code === codes.unauthenticated || [words.noUser, words.oldUsers, words.invalidToken].includes(message)) {
    return new MemberFailure('login', message)
  }
  switch (code) {
    case codes.invalidArgument:
    case codes.notFound:
    case codes.permissionDenied:
    case codes.outOfRange:
      return new MemberFailure('refused', message)
    case codes.failedPrecondition:
      // The other ones are about this member: a learner, say, or one that is older than the cluster.
      return new MemberFailure([words.leaseExists, words.noUsers].includes(message) ? 'refused' : 'away', message)
    case codes.resourceExhausted:
      return new MemberFailure(message.includes('too many requests') ? 'away' : 'refused', message)
    case codes.unimplemented:
      return new MemberFailure('away', message)
    default:
      return new MemberFailure('away', message, message !== words.noLeader)
  }
}
