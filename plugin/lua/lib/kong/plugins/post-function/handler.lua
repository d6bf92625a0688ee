-- post-function runs the configuration's code after all other plugins.
return require("gibbon.functions").handler(-1000)
