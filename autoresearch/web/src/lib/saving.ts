// Files that the page gives to whoever looks at it.

/** Have the browser save some bytes; a name keeps only what every system takes. */
export function save(name: string, content: Blob) {
  const url = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = url;
  link.download = name.replace(/[^\w.=-]+/g, "_").slice(-120) || "file";
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
