const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** 1234567 → "1.18 MiB". */
export const sizeText = (bytes: number): string => {
	let value = bytes;
	let unit = 0;
	while (value >= 1024 && unit < units.length - 1) {
		value /= 1024;
		unit++;
	}
	return `${unit === 0 ? value : value.toPrecision(value >= 1000 ? 4 : 3)} ${units[unit]}`;
};

/** 75.4 → "1:15", 3700 → "1:01:40". */
export const durationText = (seconds: number): string => {
	const whole = Math.max(0, Math.round(seconds));
	const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
	const two = (value: number): string => String(value).padStart(2, "0");
	return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
};
