/** Origins (RFC 6454) of web pages, as a browser writes them into `Origin`: `https://code.example.org`, `http://localhost:5173`. */
export type Origins = { has(origin: string): boolean }

/**
 * Reads a list such as `https://code.example.org, http://localhost:5173, capacitor://localhost`; undefined for anything else.
 * `null` is in no list: it is what every page in a sandbox, and every file, says of itself.
 */
export function parseOrigins(text: string): Origins | undefined {
  const origins = new Set<string>()
  for (const part of text.split(',').map((one) => one.trim())) {
    if (!/^[a-z][a-z0-9+.-]*:\/\/[^\s/?#@\\*]+$/i.test(part) || !URL.canParse(part)) return undefined
    const { origin } = new URL(part)
    // Of schemes that are not the web's own, URL knows no origin. Browsers write them in lower case.
    origins.add(origin === 'null' ? part.toLowerCase() : origin)
  }
  return origins
}
