import { type ReactNode, useEffect, useId, useRef } from "react";
import { Close } from "./icons";

interface Props {
  title: string;
  onClose: () => void;
  children: ReactNode;
}

/**
 * The browser's own modal dialog: it keeps the focus inside and gives it back, and Esc closes it. It is open while it
 * is drawn.
 */
export function Dialog({ title, onClose, children }: Props) {
  const box = useRef<HTMLDialogElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const id = useId();
  useEffect(() => {
    const dialog = box.current;
    const before = document.activeElement;
    if (dialog && !dialog.open) {
      dialog.showModal();
      // Where something is typed, there; else nothing is a key press away.
      (dialog.querySelector("input") ?? heading.current)?.focus();
    }
    return () => {
      // A dialog that is removed while it is open gives no focus back by itself.
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={box}
      aria-labelledby={id}
      closedby="any" // a press beside the dialog closes it
      className="rise m-auto w-[calc(100%-2rem)] max-w-md rounded-lg border border-line bg-lift p-0 text-ink shadow-lift"
      onCancel={(e) => {
        e.preventDefault();
        onClose();
      }}
      onClose={onClose}
    >
      <div className="flex items-start justify-between gap-4 px-6 pt-6">
        <h2 id={id} ref={heading} tabIndex={-1} className="text-lg font-semibold">
          {title}
        </h2>
        <button
          type="button"
          className="-m-2 grid size-9 place-items-center rounded-md text-mute hover:text-ink"
          aria-label="Close"
          onClick={onClose}
        >
          <Close size={18} />
        </button>
      </div>
      <div className="space-y-4 p-6 pt-3">{children}</div>
    </dialog>
  );
}
