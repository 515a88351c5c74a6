import { pageFilesOf } from '@sluice/shared/operations/page-files'

/** The page that shows `/-/status.json` to people. */
export const statusFiles = pageFilesOf('status', new URL('status-page/', import.meta.url), [
  'status.css',
  'screens.css',
  'page.js',
  'panels.js',
  'tables.js',
])
