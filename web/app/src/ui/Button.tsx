import type { ComponentProps, ReactNode } from "react";
import { Spinner } from "./icons";

const looks = {
  plain: "",
  main: "button-main",
  bad: "button-bad",
  quiet: "button-quiet",
  "quiet-bad": "button-quiet-bad",
};
export type Look = keyof typeof looks;

export const buttonClass = (look: Look = "plain", more = "") => `button ${looks[look]} ${more}`;

interface Props extends ComponentProps<"button"> {
  look?: Look;
  /** A call is under way: the button keeps its place, its width and the focus, and ignores more presses. */
  busy?: boolean;
  icon?: ReactNode;
}

export function Button({ look, busy = false, icon, className, children, onClick, ...rest }: Props) {
  return (
    <button
      type="button"
      {...rest}
      className={buttonClass(look, className)}
      aria-busy={busy || undefined}
      onClick={busy ? (e) => e.preventDefault() : onClick}
    >
      {busy ? <Spinner size={16} className="animate-spin" /> : icon}
      {children}
    </button>
  );
}
