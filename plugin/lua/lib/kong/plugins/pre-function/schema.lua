-- pre-function: code by phase
return require("gibbon.functions").schema("pre-function")
