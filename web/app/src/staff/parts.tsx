import type { ReactNode } from "react";
import { Button } from "../ui/Button";
import { count } from "../words/time";
import { Pause, Play, Search } from "./icons";

export function SearchBox({
  label,
  value,
  onChange,
  placeholder,
}: {
  label: string;
  value: string;
  onChange: (text: string) => void;
  placeholder?: string;
}) {
  return (
    <div className="relative min-w-0 flex-1 basis-60">
      <Search size={16} className="pointer-events-none absolute top-1/2 left-3 -translate-y-1/2 text-mute" />
      <input
        type="search"
        className="input pl-9"
        aria-label={label}
        value={value}
        placeholder={placeholder}
        onChange={(e) => onChange(e.target.value)}
        spellCheck={false}
        autoCapitalize="none"
      />
    </div>
  );
}

export function Choice({
  label,
  value,
  onChange,
  options,
}: {
  label: string;
  value: string;
  onChange: (value: string) => void;
  options: [string, string][];
}) {
  return (
    <select
      aria-label={label}
      className="input w-auto max-w-full"
      value={value}
      onChange={(e) => onChange(e.target.value)}
    >
      {options.map(([of, name]) => (
        <option key={of} value={of}>
          {name}
        </option>
      ))}
    </select>
  );
}

/** What moves has to stand still when somebody reads it (WCAG 2.2.2). */
export function PauseButton({
  paused,
  setPaused,
  buffered,
}: {
  paused: boolean;
  setPaused: (paused: boolean) => void;
  buffered: number;
}) {
  return (
    <span className="flex flex-wrap items-center gap-3">
      {paused && <span className="text-mute tabular-nums">{count(buffered, "change")} waiting</span>}
      <Button icon={paused ? <Play size={16} /> : <Pause size={16} />} onClick={() => setPaused(!paused)}>
        {paused ? "Resume" : "Pause"}
      </Button>
    </span>
  );
}

export function Toolbar({ children }: { children: ReactNode }) {
  return <div className="mb-4 flex flex-wrap items-center gap-3">{children}</div>;
}

export function Roles({ of }: { of: string[] }) {
  return (
    <span className="inline-flex flex-wrap gap-1">
      {of.map((role) => (
        <span
          key={role}
          className={`badge ${role === "admin" ? "bg-warn-soft text-warn" : role === "moderator" ? "bg-link-soft text-link" : "text-mute"}`}
        >
          {role}
        </span>
      ))}
    </span>
  );
}
