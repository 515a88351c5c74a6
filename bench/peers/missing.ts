/** A contestant cannot take part because its package is not installed. */
export class Missing extends Error {
  constructor(program: string, debianPackage: string) {
    super(`${program} is missing: apt-get install ${debianPackage}`)
    this.name = 'Missing'
  }
}
