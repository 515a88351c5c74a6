/**
 * How many bytes of a body are read and kept before anything is done with it. A body of this size or less is handled as a
 * whole: nearly all requests of fetches, and small pushes. A gateway keeps this much of a larger one until a host has
 * accepted the request; a host checks this much of it before it starts git.
 */
export const smallBodyBytes = 64 * 1024
