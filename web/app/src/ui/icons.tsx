interface Props {
  size?: number;
  className?: string;
}

export type Icon = (props: Props) => React.ReactElement;

/** A drawing on a grid of 24, in one stroke and in the colour of its text. Words beside it say what it means. */
export function icon(d: string): Icon {
  return ({ size = 16, className = "" }) => (
    <svg
      width={size}
      height={size}
      viewBox="0 0 24 24"
      className={`shrink-0 fill-none stroke-current ${className}`}
      strokeWidth="1.75"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={d} />
    </svg>
  );
}

export const Close = /* @__PURE__ */ icon("M6 6l12 12M18 6L6 18");
export const Spinner = /* @__PURE__ */ icon("M21 12a9 9 0 1 1-6.2-8.6");
export const Eye = /* @__PURE__ */ icon(
  "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM9 12a3 3 0 1 0 6 0a3 3 0 1 0-6 0",
);
export const EyeOff = /* @__PURE__ */ icon(
  "M4 4l16 16M10 5.7a9 9 0 0 1 2-.2c6 0 9.5 6.5 9.5 6.5a16 16 0 0 1-2.7 3.5M6.5 6.7A15.5 15.5 0 0 0 2.5 12s3.5 6.5 9.5 6.5a9 9 0 0 0 5-1.5M10 10a3 3 0 0 0 4 4",
);
export const Alert = /* @__PURE__ */ icon("M3 12a9 9 0 1 0 18 0a9 9 0 1 0-18 0M12 7.5v5M12 16v.01");
export const Info = /* @__PURE__ */ icon("M3 12a9 9 0 1 0 18 0a9 9 0 1 0-18 0M12 11v5.5M12 8v.01");
export const Warning = /* @__PURE__ */ icon("M12 4L2.8 20h18.4zM12 10v4.5M12 17v.01");
export const Fingerprint = /* @__PURE__ */ icon(
  "M12 11v3a9 9 0 0 1-1.5 6M8.5 19.5A10 10 0 0 0 9 14v-3a3 3 0 0 1 6 0v3a14 14 0 0 1-1 6M5.5 17a9 9 0 0 0 .5-3v-3a6 6 0 0 1 12 0v3a15 15 0 0 1-.5 4M3.8 8a9 9 0 0 1 16.4 0",
);
export const Monitor = /* @__PURE__ */ icon(
  "M4 4h16a1.5 1.5 0 0 1 1.5 1.5v9a1.5 1.5 0 0 1-1.5 1.5h-16a1.5 1.5 0 0 1-1.5-1.5v-9a1.5 1.5 0 0 1 1.5-1.5zM8 20h8M12 16v4",
);
export const Sun = /* @__PURE__ */ icon(
  "M8 12a4 4 0 1 0 8 0a4 4 0 1 0-8 0M12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4",
);
export const Moon = /* @__PURE__ */ icon("M20.5 14A8.5 8.5 0 1 1 10 3.5 7 7 0 0 0 20.5 14z");
export const Laptop = /* @__PURE__ */ icon(
  "M5.5 4.5h13a1.5 1.5 0 0 1 1.5 1.5v8.5a1.5 1.5 0 0 1-1.5 1.5h-13a1.5 1.5 0 0 1-1.5-1.5v-8.5a1.5 1.5 0 0 1 1.5-1.5zM2 19.5h20",
);
export const Phone = /* @__PURE__ */ icon(
  "M8 2.5h8a1.5 1.5 0 0 1 1.5 1.5v16a1.5 1.5 0 0 1-1.5 1.5h-8a1.5 1.5 0 0 1-1.5-1.5v-16a1.5 1.5 0 0 1 1.5-1.5zM11 18h2",
);
export const Tablet = /* @__PURE__ */ icon(
  "M5.5 2.5h13a1.5 1.5 0 0 1 1.5 1.5v16a1.5 1.5 0 0 1-1.5 1.5h-13a1.5 1.5 0 0 1-1.5-1.5v-16a1.5 1.5 0 0 1 1.5-1.5zM11 18h2",
);
export const Terminal = /* @__PURE__ */ icon(
  "M5 3.5h14a1.5 1.5 0 0 1 1.5 1.5v14a1.5 1.5 0 0 1-1.5 1.5h-14a1.5 1.5 0 0 1-1.5-1.5v-14a1.5 1.5 0 0 1 1.5-1.5zM7.5 9l3 3-3 3M13 15h3.5",
);
export const Bot = /* @__PURE__ */ icon(
  "M6 8.5h12a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2h-12a2 2 0 0 1-2-2v-7a2 2 0 0 1 2-2zM12 8.5v-4H9M9 13v2M15 13v2M2 13v2M22 13v2",
);
export const Help = /* @__PURE__ */ icon(
  "M3 12a9 9 0 1 0 18 0a9 9 0 1 0-18 0M9.5 9.5a2.5 2.5 0 1 1 3.6 2.2c-.7.3-1.1.8-1.1 1.8M12 16.5v.01",
);
export const Pencil = /* @__PURE__ */ icon("M4 20l1-4.5L16.5 4a2.1 2.1 0 0 1 3.5 3.5L8.5 19zM14.5 6l3.5 3.5");
export const Screens = /* @__PURE__ */ icon(
  "M18 8V5.5A1.5 1.5 0 0 0 16.5 4h-13A1.5 1.5 0 0 0 2 5.5v8A1.5 1.5 0 0 0 3.5 15H11M7 19h4M16.5 11h4a1 1 0 0 1 1 1v8a1 1 0 0 1-1 1h-4a1 1 0 0 1-1-1v-8a1 1 0 0 1 1-1z",
);
export const Key = /* @__PURE__ */ icon(
  "M3 15.5a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0-9 0M10.7 12.3L20 3M16 7l3 3M13 10l2 2",
);
export const Past = /* @__PURE__ */ icon("M3.5 9A9 9 0 1 1 3 12.5M3.5 4v5h5M12 7.5V12l3.5 2");
export const Person = /* @__PURE__ */ icon("M8 8a4 4 0 1 0 8 0a4 4 0 1 0-8 0M4.5 20.5a7.5 7.5 0 0 1 15 0");
export const People = /* @__PURE__ */ icon(
  "M5.5 8.5a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0M2.5 20a6.5 6.5 0 0 1 13 0M15.5 5.2a3.5 3.5 0 0 1 0 6.6M18 14.5a6.5 6.5 0 0 1 3.5 5.5",
);
export const Gauge = /* @__PURE__ */ icon("M4.5 18.5a9.5 9.5 0 1 1 15 0M12 13.5l4-5");
export const Tasks = /* @__PURE__ */ icon("M3.5 7l2 2 3.5-4M3.5 17l2 2 3.5-4M13 7h7.5M13 17h7.5");
export const Log = /* @__PURE__ */ icon(
  "M13.5 2.5H6A1.5 1.5 0 0 0 4.5 4v16A1.5 1.5 0 0 0 6 21.5h12a1.5 1.5 0 0 0 1.5-1.5V8.5zM13.5 2.5v6h6M8 13h8M8 17h5",
);
export const Leave = /* @__PURE__ */ icon(
  "M9.5 20.5h-4A1.5 1.5 0 0 1 4 19V5a1.5 1.5 0 0 1 1.5-1.5h4M15.5 16.5L20 12l-4.5-4.5M20 12H9.5",
);
export const UpDown = /* @__PURE__ */ icon("M8 15l4 4 4-4M8 9l4-4 4 4");
export const Shield = /* @__PURE__ */ icon("M12 2.5l8 3v6c0 5-3.5 8.5-8 10-4.5-1.5-8-5-8-10v-6zM12 8v4.5M12 16v.01");
export const Door = /* @__PURE__ */ icon("M5.5 21V4.5A1.5 1.5 0 0 1 7 3h10a1.5 1.5 0 0 1 1.5 1.5V21M3 21h18M15 12v.01");
export const Away = /* @__PURE__ */ icon(
  "M3 3l18 18M9 5.5A7 7 0 0 1 16.5 11H18a4 4 0 0 1 2.7 7M17.5 18.5H8a5.8 5.8 0 0 1-1.5-11",
);
export const Lock = /* @__PURE__ */ icon(
  "M6.5 10.5h11a1.5 1.5 0 0 1 1.5 1.5v7.5a1.5 1.5 0 0 1-1.5 1.5h-11a1.5 1.5 0 0 1-1.5-1.5v-7.5a1.5 1.5 0 0 1 1.5-1.5zM8 10.5V7a4 4 0 0 1 8 0v3.5M12 15v2",
);
export const Signpost = /* @__PURE__ */ icon("M12 3v3M12 13v8M5 6h12l3.5 3.5L17 13H5z");
