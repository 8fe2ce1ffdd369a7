import { type ReactNode, useEffect, useRef } from "react";
import { fieldsOf } from "../words/errors";
import { Button, type Look } from "./Button";
import { Problem, useCountdown } from "./Note";
import { type Act, useAct } from "./useAct";

interface Props {
  /** Gets what was typed, by the names of the inputs. */
  onSubmit: (values: Record<string, string>) => Promise<unknown>;
  submit: string;
  look?: Look;
  children: ReactNode | ((errors: Record<string, string>) => ReactNode);
  /** Beside the button. */
  beside?: ReactNode;
  wide?: boolean;
  className?: string;
}

/** A form that sends once, keeps what was typed, shows what was refused, and puts the focus there. */
export function Form({ onSubmit, submit, look = "main", children, beside, wide, className = "" }: Props) {
  const form = useRef<HTMLFormElement>(null);
  const act = useAct(onSubmit);
  const errors = fieldsOf(act.error);
  useFocusOnError(form, act);
  const left = useCountdown(act.error);
  const shown = typeof children === "function" ? children(errors) : children;
  const told = Object.keys(errors).some((name) => form.current?.elements.namedItem(name));
  return (
    <form
      ref={form}
      noValidate
      className={`space-y-4 ${className}`}
      onSubmit={(e) => {
        e.preventDefault();
        const values = Object.fromEntries([...new FormData(e.currentTarget)].map(([k, v]) => [k, String(v)]));
        if (left <= 0) void act.run(values);
      }}
    >
      {shown}
      {!told && <Problem error={act.error} />}
      <div className={wide ? "space-y-2" : "flex flex-wrap items-center gap-2"}>
        <Button type="submit" look={look} busy={act.pending} disabled={left > 0} className={wide ? "w-full" : ""}>
          {submit}
        </Button>
        {beside}
      </div>
    </form>
  );
}

/** After a refusal the focus goes to the first input that is wrong, or stays where the person typed. */
function useFocusOnError(form: React.RefObject<HTMLFormElement | null>, { error }: Act<never>) {
  useEffect(() => {
    if (!error || !form.current) return;
    const wrong = form.current.querySelector<HTMLElement>("[aria-invalid=true]");
    (
      wrong ?? (form.current.contains(document.activeElement) ? null : form.current.querySelector<HTMLElement>("input"))
    )?.focus();
  }, [error, form]);
}
