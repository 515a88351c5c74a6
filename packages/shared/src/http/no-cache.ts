/** What git's http-backend says about every reply: never keep it. */
export const noCache = {
  'Expires': 'Fri, 01 Jan 1980 00:00:00 GMT',
  'Pragma': 'no-cache',
  'Cache-Control': 'no-cache, max-age=0, must-revalidate',
} as const
