import { useGatehouse } from "@gatehouse/client/react";
import { useState } from "react";
import { useConfirmed } from "../shell/StepUp";
import { say } from "../shell/status";
import { Button } from "../ui/Button";
import { Copy } from "../ui/Copy";
import { Dialog } from "../ui/Dialog";
import { Note, Problem } from "../ui/Note";
import { Section } from "../ui/Page";
import { useAct } from "../ui/useAct";
import { count } from "../words/time";
import { Download } from "./icons";

/** any: whether there is a second step that they stand in for. */
export function RecoveryCodes({ left, any, changed }: { left: number; any: boolean; changed: () => Promise<void> }) {
  const gh = useGatehouse();
  const confirmed = useConfirmed();
  const [asking, setAsking] = useState(false);
  const [codes, setCodes] = useState<string[]>();
  const make = useAct(async () => {
    const made = await confirmed(() => gh.factors.recoveryCodes());
    setAsking(false);
    setCodes(made.recovery_codes);
    await changed();
  });
  const start = () => (left ? setAsking(true) : make.run());
  return (
    <Section
      title="Recovery codes"
      lead={
        any
          ? `${left ? count(left, "code") : "No codes"} left. Each signs you in once when your second step is lost.`
          : "They come with your first second step, for the day it is lost."
      }
      actions={
        any && (
          <Button busy={make.pending && !asking} onClick={start}>
            Make new codes
          </Button>
        )
      }
    >
      {any && left > 0 && left < 4 && <Note look="warn">You are running out of codes. Make new ones.</Note>}
      {!asking && Boolean(make.error) && <Problem error={make.error} />}
      {asking && (
        <Dialog title="Make new recovery codes?" onClose={() => setAsking(false)}>
          <p>The {count(left, "code")} you have left stop working.</p>
          <Problem error={make.error} />
          <div className="flex flex-wrap gap-2">
            <Button look="main" busy={make.pending} onClick={() => make.run()}>
              Make new codes
            </Button>
            <Button onClick={() => setAsking(false)}>Cancel</Button>
          </div>
        </Dialog>
      )}
      {codes && <ShowCodes codes={codes} close={() => setCodes(undefined)} />}
    </Section>
  );
}

/** The one time that the codes are shown. */
export function ShowCodes({ codes, close }: { codes: string[]; close: () => void }) {
  const text = `${codes.join("\n")}\n`;
  function download() {
    const url = URL.createObjectURL(
      new Blob([`Gatehouse recovery codes of ${location.host}\nEach works once.\n\n${text}`], { type: "text/plain" }),
    );
    const link = document.createElement("a");
    link.href = url;
    link.download = "gatehouse-recovery-codes.txt";
    link.click();
    URL.revokeObjectURL(url);
    say("Saved.");
  }
  return (
    <Dialog title="Keep these recovery codes" onClose={close}>
      <p>Each signs you in once when your second step is lost. They are shown only now.</p>
      <ul className="grid grid-cols-2 gap-x-4 gap-y-1 rounded-md bg-well p-4 font-mono" aria-label="Recovery codes">
        {codes.map((code) => (
          <li key={code}>{code}</li>
        ))}
      </ul>
      <div className="flex flex-wrap gap-2">
        <Copy text={text} />
        <Button icon={<Download size={16} />} onClick={download}>
          Download
        </Button>
      </div>
      <Button look="main" className="w-full" onClick={close}>
        I have kept them
      </Button>
    </Dialog>
  );
}
