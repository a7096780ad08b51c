/** What the router resolves itself: the best approved candidate of the call's intent. No alias and no intent has this name. */
export const AUTO = "auto";
