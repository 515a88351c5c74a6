/**
 * Origins (RFC 6454) of web pages, as a browser writes them into `Origin`: `https://code.example.org`,
 * `http://localhost:5173`.
 */
export type Origins = { has(origin: string): boolean }

/**
 * Reads a list such as `https://code.example.org, http://localhost:5173, capacitor://localhost`. Undefined for anything
 * else. `null` cannot be in a list, since every page in a sandbox and every local file has it as its origin.
 */
export function parseOrigins(text: string): Origins | undefined {
  const origins = new Set<string>()
  for (const part of text.split(',').map((one) => one.trim())) {
    if (!/^[a-z][a-z0-9+.-]*:\/\/[^\s/?#@\\*]+$/i.test(part) || !URL.canParse(part)) return undefined
    const { origin } = new URL(part)
    // For schemes other than the web's own, URL gives no origin. Browsers write those origins in lower case.
    origins.add(origin === 'null' ? part.toLowerCase() : origin)
  }
  return origins
}
