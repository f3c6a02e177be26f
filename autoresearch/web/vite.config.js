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

export default defineConfig({
  plugins: [svelte(), licences],
  build: { outDir: "../_ui", emptyOutDir: true, target: "es2022", assetsInlineLimit: 0, cssCodeSplit: false, modulePreload: { polyfill: false } },
  // `npm run dev` beside an `autoresearch ui --port 8091`: open its link here.
  server: { proxy: { "/v1": "http://127.0.0.1:8091" } },
});
