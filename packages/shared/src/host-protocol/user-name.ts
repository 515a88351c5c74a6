/** In UTF-16 units, as JavaScript counts characters. */
const maxLength = 256

/**
 * Whether a text can be the name of a user: 1 to 256 characters of well-formed Unicode without control characters.
 *
 * This is the only place that decides it, for every source of names: the password file and the rules file, the `sub` of
 * a token, the reply of an access service, and the header in which a gateway tells a host who asks. Such a name can be
 * percent-encoded for that header, and it stays on one line in logs, in reflogs and in `REMOTE_USER`.
 */
export function isUserName(text: string): boolean {
  return text !== '' && text.length <= maxLength && text.isWellFormed() && !/\p{Cc}/u.test(text)
}
