// How charts are looked at: the choices stand in the URL, and which run is pointed at is known to all charts of a page.

import { AXES, type Axis } from "./curves";
import { place } from "./place.svelte";

const dark = matchMedia("(prefers-color-scheme: dark)");

class Looks {
  /** What is pointed at: the number of a run, or the name of a group. */
  pointed = $state<string | null>(null);
  /** Turns whenever the system turns between light and dark. */
  turned = $state(0);

  constructor() {
    dark.addEventListener("change", () => (this.turned += 1));
  }

  get axis(): Axis {
    return AXES.find((each) => each === place.get("x")) ?? "step";
  }

  /** Weight of the past in the moving average, from 0 to 0.99. */
  get smooth(): number {
    const value = Number(place.get("smooth"));
    return value > 0 && value < 1 ? value : 0;
  }

  get log(): boolean {
    return place.get("log") === "1";
  }

  /** Whether places too are on a logarithmic axis; moments have no zero to count from. */
  get logX(): boolean {
    return place.get("logx") === "1" && this.axis !== "time";
  }

  /** What runs are grouped by: fields, and settings as `config.name`. */
  get by(): string[] {
    return (place.get("by") ?? "").split("|").filter(Boolean);
  }

  /** Whether the band of a group is one standard deviation to both sides, and not from the least to the greatest. */
  get deviation(): boolean {
    return place.get("band") === "sd";
  }

  get clip(): boolean {
    return place.get("clip") === "1";
  }

  /** The part of the axis that is zoomed in on. */
  get zoom(): [number, number] | null {
    const [from, to] = (place.get("zoom") ?? "").split("~").map(Number);
    return from !== undefined && to !== undefined && to > from ? [from, to] : null;
  }

  /** Zoom all charts of the page; null shows all. */
  to(window: [number, number] | null) {
    place.set({ zoom: window && window.map((value) => Number(value.toPrecision(15))).join("~") });
  }

  /** What stands out: the run or group pointed at, else the one that was chosen. */
  get marked(): string | null {
    return this.pointed ?? place.get("mark");
  }
}

export const looks = new Looks();
