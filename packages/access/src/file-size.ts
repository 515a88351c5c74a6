/** The size limit of a password, rules or token file, in bytes: room for tens of thousands of users or tokens. */
export const maxFileBytes = 16 * 1024 * 1024
