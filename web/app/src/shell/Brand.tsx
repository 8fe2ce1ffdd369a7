/** A gate with somebody in: the lamp is on. */
export function Mark({ size = 28 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" className="shrink-0">
      <rect width="32" height="32" rx="7" className="fill-ink" />
      <path className="fill-page" d="M6 7h4.500v3h3V7h5v3h3V7H26v19H6z" />
      <path className="fill-lamp" d="M11 26v-5a5 5 0 0 1 10 0v5z" />
    </svg>
  );
}

export function Brand({ name = true }: { name?: boolean }) {
  return (
    <span className="inline-flex items-center gap-2.5">
      <Mark />
      <span className={name ? "text-base font-semibold tracking-tight" : "sr-only"}>Gatehouse</span>
    </span>
  );
}
