import { readFileSync } from "node:fs";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

// What is built in here is by others too; their licences ask to travel with it.
const OF_OTHERS = ["svelte", "uplot", "@fontsource-variable/geist"];
const licences = {
  name: "licences",
  generateBundle() {
    const texts = OF_OTHERS.map((name) => `${name}\n\n${readFileSync(`node_modules/${name}/LICENSE${name === "svelte" ? ".md" : ""}`, "utf8")}`);
    this.emitFile({ type: "asset", fileName: "assets/licences.txt", source: texts.join(`\n${"-".repeat(80)}\n`) });
  },
};

// The page is made in the browser and never taken over from markup of a server: Svelte's part for that falls away, with every call of it.
const fresh = {
  name: "fresh",
  apply: "build",
  load(id) {
    if (!id.endsWith("/svelte/src/internal/client/dom/hydration.js")) return null;
    const names = [...readFileSync(id, "utf8").matchAll(/^export (let|function) (\w+)/gm)];
    return names.map(([, kind, name]) => (kind === "let" ? `export const ${name} = false;` : `export function ${name}() {}`)).join("\n");
  },
  transform(code, id) {
    return id.endsWith(".svelte") ? { code: code.replace(/^\s*\$\.(reset|next)\(\w*\);$/gm, ""), map: null } : null;
  },
};

// uPlot offers ways to draw a line, and a few tools: charts draw theirs themselves, and what nothing uses need not be loaded.
const OFFERED = /^\s*(?:uPlot\.(?:join|addGap|clipGaps|orient|rangeAsinh|rangeLog|assign) *= \w+|\(paths\.\w+ *= \w+\));$/gm;
const DRAWN = /^const (linearPath|pointsPath) = \w+\(\) ;$/gm;
const pruned = {
  name: "pruned",
  transform(code, id) {
    if (!id.endsWith("uPlot.esm.js")) return null;
    if (code.match(OFFERED)?.length !== 11 || code.match(DRAWN)?.length !== 2) throw new Error("uPlot offers other things now");
    return { code: code.replace(OFFERED, "").replace(DRAWN, "const $1 = null;").replace(/^\t\tpoints,$/m, ""), map: null };
  },
};

// Pages that lead to one another are one file with all that only they need: many small files weigh a tenth more, packed.
const FILES = {
  charts: ["parts/Charts", "parts/Measured"],
  project: ["pages/Project"],
  experiments: ["pages/Experiments", "pages/Experiment", "pages/Compare"],
  runs: ["pages/Runs", "pages/Run", "pages/Comparison"],
  others: ["pages/Artifacts", "pages/Context", "pages/People"],
};
const ROOTS = new Map(Object.entries(FILES).flatMap(([file, names]) => names.map((name) => [name, file])));

/** The files that need a module; those that begin with one of the roots do not look further. */
function needing(id, context, seen = new Set()) {
  const root = ROOTS.get(/\/src\/(\w+\/\w+)\.svelte$/.exec(id)?.[1]);
  if (root !== undefined) return new Set([root]);
  if (seen.has(id)) return new Set();
  seen.add(id);
  const importers = context.getModuleInfo(id)?.importers ?? [];
  return importers.length ? new Set(importers.flatMap((each) => [...needing(each, context, seen)])) : new Set(["index"]);
}

// Whoever draws charts loads their file anyhow.
const DRAWING = new Set(["charts", "runs", "experiments"]);

function file(id, context) {
  const found = needing(id, context);
  if (found.size === 1) return [...found][0];
  return found.has("charts") && [...found].every((each) => DRAWING.has(each)) ? "charts" : "index";
}

export default defineConfig({
  plugins: [svelte({ compilerOptions: { runes: true, discloseVersion: false, cssHash: ({ hash, filename }) => `s${hash(filename).slice(0, 4)}` } }), fresh, pruned, licences],
  build: {
    outDir: "../_ui", emptyOutDir: true, target: "es2022", assetsInlineLimit: 0, cssCodeSplit: false, modulePreload: { polyfill: false },
    rolldownOptions: { optimization: { inlineConst: { mode: "all" } }, output: { codeSplitting: { includeDependenciesRecursively: false, groups: [{ debugName: "pages", name: file }] } } },
  },
  // `npm run dev` beside an `autoresearch ui --port 8091`: open its link here.
  server: { proxy: { "/v1": "http://127.0.0.1:8091" } },
});
