import { clusterStatusOf } from '../placement/cluster-status.ts'
import type { ClusterView } from '../placement/cluster-view.ts'
import { jsonPage } from './operations.ts'
import type { Pages } from './operations.ts'
import { pageFilesOf } from './page-files.ts'

const files = pageFilesOf('cluster', new URL('cluster-page/', import.meta.url), [
  'cluster.css',
  'page.js',
  'panels.js',
  'map.js',
  'colours.js',
])

/** The cluster as one of its members sees it: `/-/cluster` for people, and `/-/cluster.json`. */
export function clusterPages(look: () => ClusterView): Pages {
  return {
    '/-/cluster.json': () => jsonPage(200, clusterStatusOf(look())),
    ...Object.fromEntries(files.entries().map(([path, file]) => [path, () => file])),
  }
}
