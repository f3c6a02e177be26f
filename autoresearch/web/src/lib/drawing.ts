// A chart as a file of its own: what the canvas shows, as SVG.

import type uPlot from "uplot";
import type { Bundle } from "./bands";
import type { Points } from "./curves";
import { scaled, shade, trace, type Pen } from "./tracing";

export interface Drawn {
  name: string;
  colour: string;
  points: Points | Bundle;
}

// What an XML file cannot hold is named as lost; the rest is text.
const safe = (text: string) => text.replace(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, "\ufffd").replace(/[<>&"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
const near = (value: number) => Number(value.toFixed(1));

class Written implements Pen {
  text = "";
  moveTo(x: number, y: number) {
    this.text += `M${near(x)} ${near(y)}`;
  }
  lineTo(x: number, y: number) {
    this.text += `L${near(x)} ${near(y)}`;
  }
  closePath() {
    this.text += "Z";
  }
  dot(x: number, y: number) {
    this.text += `M${near(x - 3)} ${near(y)}a3 3 0 1 0 6 0a3 3 0 1 0-6 0`;
  }
}

/** The chart with its title above and what its colours mean below. */
export function drawing(plot: uPlot, title: string, drawn: readonly Drawn[], colours: { text: string; grid: string; ground: string }): Blob {
  const dots = devicePixelRatio;
  const [left, top, width, height] = [plot.bbox.left / dots, plot.bbox.top / dots + 26, plot.bbox.width / dots, plot.bbox.height / dots];
  const [wide, high] = [scaled(plot, "x", left, width), scaled(plot, "y", top + height, -height)];
  const [x, y] = [(value: number) => near(wide(value)), (value: number) => near(high(value))];
  const path = (draw: (pen: Pen) => void) => {
    const pen = new Written();
    draw(pen);
    return pen.text;
  };

  const [across, up] = plot.axes as unknown as { _splits: number[]; _values: (string | null)[] }[];
  const labels = ({ _values }: { _values: (string | null)[] }, index: number) => safe(String(_values[index] ?? ""));
  const grid = [...across!._splits.map((value) => `M${x(value)} ${near(top)}v${near(height)}`), ...up!._splits.map((value) => `M${near(left)} ${y(value)}h${near(width)}`)];
  const ticks = [
    ...across!._splits.map((value, index) => `<text x="${x(value)}" y="${near(top + height + 16)}" text-anchor="middle">${labels(across!, index)}</text>`),
    ...up!._splits.map((value, index) => `<text x="${near(left - 6)}" y="${y(value) + 4}" text-anchor="end">${labels(up!, index)}</text>`),
  ];
  const { min, max } = plot.scales["x"]!;
  const lines = drawn.map(({ colour, points }) => {
    const line = `<path fill="none" stroke="${colour}" stroke-width="1.6" stroke-linejoin="round" d="${path((pen) => trace(pen, points, wide, high, [min!, max!]))}"/>`;
    const band = "low" in points ? path((pen) => shade(pen, points, wide, high)) : "";
    return band ? `<path fill="${colour}" fill-opacity="0.16" d="${band}"/>${line}` : line;
  });
  const below = top + height + 40;
  const key = drawn.map(({ name, colour }, index) => `<rect x="12" y="${near(below + 18 * index - 9)}" width="10" height="10" rx="2" fill="${colour}"/><text x="28" y="${near(below + 18 * index)}">${safe(name)}</text>`);
  const size = `width="${plot.width}" height="${near(below + 18 * drawn.length)}"`;
  const text = `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="system-ui, sans-serif" font-size="11.5" fill="${colours.text}">
<rect ${size} fill="${colours.ground}"/><clipPath id="plot"><rect x="${near(left)}" y="${near(top)}" width="${near(width)}" height="${near(height)}"/></clipPath>
<text x="12" y="19" font-size="13" font-weight="600">${safe(title)}</text>
<path stroke="${colours.grid}" d="${grid.join("")}"/>
${ticks.join("")}
<g clip-path="url(#plot)">${lines.join("\n")}</g>
${key.join("")}
</svg>`;
  return new Blob([text], { type: "image/svg+xml" });
}
