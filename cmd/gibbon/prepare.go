package main

var prepareVerb = verb{
	name: "prepare", short: "Make the files of the working folder, without a start",
	flags: []flagRow{flagConf, flagPrefix, flagNginxConf},
	run: func(x *call) error {
		c, warnings, err := x.settings()
		if err != nil {
			return err
		}
		x.warn(warnings)
		return x.prepare(c)
	},
}
