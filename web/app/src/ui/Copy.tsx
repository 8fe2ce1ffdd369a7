import { useEffect, useState } from "react";
import { Check, Copies } from "../account/icons";
import { say } from "../shell/status";
import { Button, type Look } from "./Button";

/** Copies a text and says so. */
export function Copy({ text, label = "Copy", look }: { text: string; label?: string; look?: Look }) {
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return;
    const timer = setTimeout(() => setDone(false), 2000);
    return () => clearTimeout(timer);
  }, [done]);
  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      setDone(true);
      say("Copied.");
    } catch {
      say("Your browser didn't allow copying. Select the text and copy it.");
    }
  }
  return (
    <Button look={look} icon={done ? <Check size={16} /> : <Copies size={16} />} onClick={copy}>
      {label}
    </Button>
  );
}
