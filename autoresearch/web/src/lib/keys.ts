// Keys of a page: letters that mean something where nobody is typing.

/** Whether a key is meant for the page: neither for a field, nor for the browser, nor part of what was understood already. */
export function meant(event: KeyboardEvent): boolean {
  const typing = event.target instanceof HTMLElement && event.target.matches("input:not([type=checkbox]), textarea, select");
  return !typing && !event.defaultPrevented && !event.ctrlKey && !event.metaKey && !event.altKey && !document.querySelector("dialog[open]");
}
