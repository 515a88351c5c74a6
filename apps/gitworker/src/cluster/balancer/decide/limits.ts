/** Slots that get a primary in one decision. The next decision goes on with the rest. */
export const mostUrgent = 1024

/** Handovers under way at once: each holds up the pushes of its slot for as long as running ones take. */
export const mostHandovers = 128

/** Changes of copies in one decision, so that nothing more urgent waits long for them. */
export const mostCopyChanges = 512

/** After how long a handover is taken back. A primary waits 30 s at most for pushes to end, and then goes on accepting. */
export const takeBackAfterMs = 45_000

/** For how long a slot is not moved to even out the shares, after its handover was taken back. */
export const restMs = 5 * 60_000
