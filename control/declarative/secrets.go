package declarative

// transformSecrets hashes passwords and the like, unless the file says that
// they are hashed already. It runs when all ids are known, since a digest may
// be salted with the id of the consumer.
func (l *loader) transformSecrets() {
	if !l.transform {
		return
	}
	for _, k := range l.kinds {
		if len(k.schema.Transformations) == 0 && k.schema.Subschema == nil {
			continue
		}
		for _, it := range l.items[k.pos] {
			rec, err := k.schema.TransformIf(it.rec, true)
			if err != nil {
				l.report(it, err.Error())
				continue
			}
			it.rec = rec
		}
	}
}
