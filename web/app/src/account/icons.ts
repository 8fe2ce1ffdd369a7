import { icon } from "../ui/icons";

export const Mail = /* @__PURE__ */ icon(
  "M4 5h16a1.5 1.5 0 0 1 1.5 1.5v11a1.5 1.5 0 0 1-1.5 1.5h-16a1.5 1.5 0 0 1-1.5-1.5v-11a1.5 1.5 0 0 1 1.5-1.5zM3 7l9 6 9-6",
);
export const Done = /* @__PURE__ */ icon("M3 12a9 9 0 1 0 18 0a9 9 0 1 0-18 0M8 12.3l2.8 2.7 5.2-5.5");
export const Check = /* @__PURE__ */ icon("M4.5 12.5l5 5 10-11");
export const Copies = /* @__PURE__ */ icon(
  "M9.5 8.5h10a1 1 0 0 1 1 1v10a1 1 0 0 1-1 1h-10a1 1 0 0 1-1-1v-10a1 1 0 0 1 1-1zM5.5 15.5h-1a1 1 0 0 1-1-1v-10a1 1 0 0 1 1-1h10a1 1 0 0 1 1 1v1",
);
export const Download = /* @__PURE__ */ icon("M12 3.5v12M7 10.5l5 5 5-5M4 20.5h16");
