/** Cases in which DocumentDB does not do what MongoDB documents, and how it differs. Each was seen here. */
export const deviations: Readonly<Record<string, string>> = {
	'update 3: {"$set":{"z":1,"b":1,"a.c":1}}':
		"It adds fields in the order of the update, MongoDB in that of their names.",
	'pipeline 1: [{"$match":{"k":"none"}},{"$count":"n"}]': "It counts nothing as {n: 0}, MongoDB answers no document.",
	'pipeline 5: [{"$group":{"_id":null,"low":{"$min":"$n"},"high":{"$max":"$n"},"avg":{"$avg":"$n"},"first":{"$first":"$k"},"last":{"$last":"$k"},"set":{"$addToSet":"$k"},"c":{"$count":{}},"pushed":{"$push":"$o.p"}}}]':
		"Its $addToSet adds null for a missing field, MongoDB's adds nothing.",
	"refused: an array as _id": "Its code is 2.",
	"refused: a projection that excludes and includes": "Its code is that of the other way round.",
	"refused: an index over two arrays": "It makes the index.",
};
