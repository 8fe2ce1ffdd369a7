import type { Session } from "@gatehouse/client";
import { memo, useLayoutEffect, useRef, useState } from "react";
import { say } from "../shell/status";
import { Ago } from "../ui/Ago";
import { Button } from "../ui/Button";
import { Bot, Help, type Icon, Laptop, Pencil, Phone, Tablet, Terminal } from "../ui/icons";
import { Problem } from "../ui/Note";
import { useAct } from "../ui/useAct";
import { nameOf, placeOf, signedInBy } from "../words/device";
import { codeOf, sentence } from "../words/errors";
import { count, dateOf } from "../words/time";

const icons: Record<Session["device"]["kind"], Icon> = {
  desktop: Laptop,
  phone: Phone,
  tablet: Tablet,
  cli: Terminal,
  bot: Bot,
  unknown: Help,
};

export function DeviceIcon({ session, size = 20 }: { session: Session; size?: number }) {
  const Icon = icons[session.device.kind] ?? Help;
  return <Icon size={size} />;
}

/** A dot and a word, since colour alone tells not everybody. */
export function Presence({ session }: { session: Session }) {
  return (
    <span className="inline-flex items-baseline gap-1.5">
      <span className={`dot ${session.online ? "dot-on" : ""}`} aria-hidden />
      {session.online ? (
        "Online"
      ) : (
        <span>
          Last active <Ago at={session.last_seen_at} />
        </span>
      )}
    </span>
  );
}

interface Props {
  session: Session;
  pending: boolean;
  /** It came while the list was open. */
  fresh: boolean;
  rename: (id: string, name: string) => Promise<Session>;
  revoke: (id: string) => Promise<void>;
}

export const DeviceRow = memo(function DeviceRow({ session, pending, fresh, rename, revoke }: Props) {
  const [editing, setEditing] = useState(false);
  const edit = useRef<HTMLButtonElement>(null);
  const name = nameOf(session);
  const out = useAct(() => revoke(session.id));
  const leaving = out.pending || (pending && !editing);
  async function save(text: string) {
    await rename(session.id, text);
    say(`Renamed to ${text}.`);
    stop();
  }
  const stop = () => setEditing(false);
  const before = useRef(editing);
  useLayoutEffect(() => {
    const done = before.current && !editing;
    before.current = editing;
    if (done && document.activeElement === document.body) edit.current?.focus(); // unless the person went on
  }, [editing]);
  return (
    <li
      data-row={session.id}
      className={`border-b border-line p-4 last:border-0 desk:px-6 desk:py-5 ${fresh ? "arrive" : ""}`}
      aria-busy={leaving || undefined}
    >
      <div className={`flex flex-wrap items-start gap-x-4 gap-y-3 transition-opacity ${leaving ? "opacity-50" : ""}`}>
        <span className="grid size-10 shrink-0 place-items-center rounded-md bg-well text-mute">
          <DeviceIcon session={session} />
        </span>
        <div className="min-w-0 flex-1 basis-52 space-y-1">
          {editing ? (
            <NameForm name={name} save={save} cancel={stop} />
          ) : (
            <p className="flex flex-wrap items-center gap-x-2 gap-y-1 text-base font-medium">
              {name}
              {session.current && <span className="badge text-good">This device</span>}
            </p>
          )}
          <p className="flex flex-wrap gap-x-3 gap-y-1">
            <Presence session={session} />
            {session.connections > 0 && <span className="text-mute">{count(session.connections, "tab")}</span>}
          </p>
          <p className="text-mute">
            {placeOf(session)} · <span className="tabular-nums">{session.ip}</span>
          </p>
          <p className="text-mute">
            Since {dateOf(session.created_at)} {signedInBy(session) && `· ${signedInBy(session)}`}
          </p>
        </div>
        {!editing && (
          <div className="flex gap-2 max-sm:w-full max-sm:pl-14">
            <Button
              ref={edit}
              data-does="rename"
              icon={<Pencil size={14} />}
              aria-label={`Rename ${name}`}
              onClick={() => setEditing(true)}
            >
              Rename
            </Button>
            <Button data-does="out" aria-label={`Sign out ${name}`} busy={leaving} onClick={() => out.run()}>
              Sign out
            </Button>
          </div>
        )}
      </div>
      {Boolean(out.error) && (
        <div className="mt-3">
          <Problem error={out.error} what="Not signed out." retry={() => out.run()} />
        </div>
      )}
    </li>
  );
});

const longest = 64; // characters, as the hub counts them

/** The name, in place. Enter saves, Esc leaves it as it was. What others change meanwhile doesn't touch what is typed. */
function NameForm({ name, save, cancel }: { name: string; save: (name: string) => Promise<void>; cancel: () => void }) {
  const [text, setText] = useState(name);
  const [wrong, setWrong] = useState("");
  const act = useAct(save);
  const box = useRef<HTMLInputElement>(null);
  const length = [...text.trim()].length;
  async function submit() {
    const typed = text.trim();
    if (typed === name) return cancel();
    const bad = !length
      ? "A device needs a name."
      : length > longest
        ? `That is too long: ${length} of at most ${longest} characters.`
        : "";
    setWrong(bad);
    if (bad || !(await act.run(typed))) box.current?.focus();
  }
  const told =
    wrong || (act.error ? sentence(act.error, { validation_failed: "The hub doesn't take that name." }) : "");
  return (
    <form
      noValidate
      onSubmit={(e) => {
        e.preventDefault();
        void submit();
      }}
      onKeyDown={(e) => {
        if (e.key !== "Escape") return;
        e.stopPropagation();
        cancel();
      }}
      className="space-y-2"
    >
      <input
        ref={box}
        className="input"
        aria-label="Name"
        aria-invalid={told ? true : undefined}
        aria-describedby={told ? "name-error" : undefined}
        value={text}
        autoFocus
        onFocus={(e) => e.target.select()}
        onChange={(e) => {
          setText(e.target.value);
          setWrong("");
          act.clear();
        }}
        autoComplete="off"
      />
      {told && (
        <p id="name-error" role="alert" className="text-bad">
          {told}
          {codeOf(act.error) === "network" && " What you typed is still here."}
        </p>
      )}
      <div className="flex flex-wrap items-center gap-2">
        <Button type="submit" look="main" busy={act.pending}>
          Save
        </Button>
        <Button onClick={cancel}>Cancel</Button>
        {length > longest - 14 && (
          <span className={`tabular-nums ${length > longest ? "text-bad" : "text-mute"}`}>
            {length}/{longest}
          </span>
        )}
      </div>
    </form>
  );
}
