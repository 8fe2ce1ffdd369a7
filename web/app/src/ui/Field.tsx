import { type ComponentProps, type ReactNode, useId, useState } from "react";
import { Eye, EyeOff } from "./icons";

interface Props extends ComponentProps<"input"> {
  label: string;
  error?: string;
  hint?: ReactNode;
  /** The label is for those who hear it; others see the placeholder or the context. */
  bare?: boolean;
}

/** A labelled input that says what is wrong with it. */
export function Field({ label, error, hint, bare, className = "", children, ...input }: Props) {
  const id = useId();
  const about = [error && `${id}-error`, hint && `${id}-hint`].filter(Boolean).join(" ");
  return (
    <div className={className}>
      <label htmlFor={id} className={bare ? "sr-only" : "mb-1 block font-medium"}>
        {label}
      </label>
      <div className="relative">
        <input
          id={id}
          className="input"
          aria-invalid={error ? true : undefined}
          aria-describedby={about || undefined}
          {...input}
        />
        {children}
      </div>
      {error && (
        <p id={`${id}-error`} className="mt-1 text-bad">
          {error}
        </p>
      )}
      {hint && (
        <p id={`${id}-hint`} className="mt-1 text-mute">
          {hint}
        </p>
      )}
    </div>
  );
}

/** A password that can be looked at while it is typed. */
export function PasswordField(props: Omit<Props, "type">) {
  const [shown, setShown] = useState(false);
  const Icon = shown ? EyeOff : Eye;
  return (
    <Field {...props} type={shown ? "text" : "password"} spellCheck={false} autoCapitalize="none">
      <button
        type="button"
        className="absolute inset-y-0 right-0 grid w-10 place-items-center rounded-md text-mute hover:text-ink"
        aria-label={shown ? "Hide password" : "Show password"}
        onClick={() => setShown(!shown)}
      >
        <Icon size={16} />
      </button>
    </Field>
  );
}
