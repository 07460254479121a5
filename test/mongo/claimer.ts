import { connect } from "./fixture.ts";

/** A process of four claimers: takes jobs until there is none, and prints the `_id` and token of each. */
const [uri, database, name] = process.argv.slice(2) as [string, string, string];
const client = connect(uri);
const jobs = client.db(database).collection("jobs");

async function claimAll(claimer: string): Promise<string[]> {
	const mine: string[] = [];
	for (;;) {
		const job = await jobs.findOneAndUpdate(
			{ state: "ready", host: { $in: [name, null] }, available_at: { $lte: new Date() } },
			{ $set: { state: "leased", token: `${claimer}/${mine.length}` }, $inc: { attempts: 1 } },
			{ sort: { priority: -1, available_at: 1 }, returnDocument: "after" },
		);
		if (!job) return mine;
		mine.push(`${job._id} ${job.token}`);
	}
}

const claimed = await Promise.all([1, 2, 3, 4].map((n) => claimAll(`${name}.${n}`)));
console.log(JSON.stringify(claimed.flat()));
await client.close();
