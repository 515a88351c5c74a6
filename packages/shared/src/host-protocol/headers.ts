/**
 * What gateway and host say to each other beside HTTP, so that a request which a host has not begun can be sent again:
 * to the same host when it is back, or to another.
 */

/** In a host's refusal: nothing of the request's body was read, nothing was started, and it may be sent again as it is. */
export const notBegunHeader = 'sluice-not-begun'

/**
 * In a request with a body that is not whole yet: the gateway keeps the beginning, and sends the rest when the host has
 * said `102 Processing`, which means that it has accepted the request.
 */
export const awaitsAcceptanceHeader = 'sluice-awaits-acceptance'
