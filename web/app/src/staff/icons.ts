import { icon } from "../ui/icons";

export const Pause = /* @__PURE__ */ icon("M8.5 5v14M15.5 5v14");
export const Play = /* @__PURE__ */ icon("M7 4.5v15L19.5 12z");
export const Search = /* @__PURE__ */ icon("M4 10.5a6.5 6.5 0 1 0 13 0a6.5 6.5 0 1 0-13 0M15.5 15.5l5 5");
export const AddPerson = /* @__PURE__ */ icon(
  "M5.5 8a4 4 0 1 0 8 0a4 4 0 1 0-8 0M2.5 20.5a7 7 0 0 1 14 0M19 8v6M16 11h6",
);
