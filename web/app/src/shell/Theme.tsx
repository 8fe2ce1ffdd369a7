import { useId, useSyncExternalStore } from "react";
import { setTheme, theme, watchTheme } from "../theme";
import { Monitor, Moon, Sun } from "../ui/icons";

const themes = [
  { value: "system", label: "System", Icon: Monitor },
  { value: "light", label: "Light", Icon: Sun },
  { value: "dark", label: "Dark", Icon: Moon },
] as const;

export function ThemeControl({ small = false }: { small?: boolean }) {
  const chosen = useSyncExternalStore(watchTheme, theme);
  const name = useId();
  return (
    <fieldset className="inline-flex rounded-md border border-line bg-well p-0.5" aria-label="Theme">
      {themes.map(({ value, label, Icon }) => (
        <label
          key={value}
          title={label}
          className="flex min-h-8 cursor-pointer items-center whitespace-nowrap gap-2 rounded-sm border border-transparent px-2.5 text-mute hover:text-ink has-checked:border-line has-checked:bg-card has-checked:text-ink has-checked:shadow-card has-focus-visible:outline-2 has-focus-visible:outline-link"
        >
          <input
            type="radio"
            name={name}
            value={value}
            checked={chosen === value}
            onChange={() => setTheme(value)}
            className="sr-only"
          />
          <Icon size={16} />
          <span className={small ? "sr-only" : ""}>{label}</span>
        </label>
      ))}
    </fieldset>
  );
}
