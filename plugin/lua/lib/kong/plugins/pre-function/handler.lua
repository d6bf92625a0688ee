-- pre-function runs the configuration's code before all other plugins.
return require("gibbon.functions").handler(1000000)
