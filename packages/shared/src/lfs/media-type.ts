/** Of LFS's JSON, in both directions: docs/api/batch.md of https://github.com/git-lfs/git-lfs */
export const lfsMediaType = 'application/vnd.git-lfs+json'
