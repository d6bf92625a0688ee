-- Files of google/protobuf that others import, and what compiled files are made of.
local M = {}

M["google/protobuf/any.proto"] = [[syntax = "proto3"; package google.protobuf; message Any { string type_url = 1; bytes value = 2; }]]
M["google/protobuf/duration.proto"] = [[syntax = "proto3"; package google.protobuf; message Duration { int64 seconds = 1; int32 nanos = 2; }]]
M["google/protobuf/timestamp.proto"] = [[syntax = "proto3"; package google.protobuf; message Timestamp { int64 seconds = 1; int32 nanos = 2; }]]
M["google/protobuf/empty.proto"] = [[syntax = "proto3"; package google.protobuf; message Empty {}]]
M["google/protobuf/field_mask.proto"] = [[syntax = "proto3"; package google.protobuf; message FieldMask { repeated string paths = 1; }]]
M["google/protobuf/struct.proto"] = [[syntax = "proto3"; package google.protobuf;
  message Struct { map<string, Value> fields = 1; }
  message Value { oneof kind { NullValue null_value = 1; double number_value = 2; string string_value = 3; bool bool_value = 4; Struct struct_value = 5; ListValue list_value = 6; } }
  enum NullValue { NULL_VALUE = 0; }
  message ListValue { repeated Value values = 1; }]]
M["google/protobuf/wrappers.proto"] = [[syntax = "proto3"; package google.protobuf;
  message DoubleValue { double value = 1; } message FloatValue { float value = 1; } message Int64Value { int64 value = 1; } message UInt64Value { uint64 value = 1; }
  message Int32Value { int32 value = 1; } message UInt32Value { uint32 value = 1; } message BoolValue { bool value = 1; } message StringValue { string value = 1; }
  message BytesValue { bytes value = 1; }]]
M["google/api/annotations.proto"] = [[syntax = "proto3"; package google.api;]]
M["google/api/http.proto"] = [[syntax = "proto3"; package google.api;]]
M["google/protobuf/descriptor.proto"] = [[syntax = "proto2"; package google.protobuf;
  message FileDescriptorSet { repeated FileDescriptorProto file = 1; }
  message FileDescriptorProto { optional string name = 1; optional string package = 2; repeated string dependency = 3; repeated DescriptorProto message_type = 4;
    repeated EnumDescriptorProto enum_type = 5; repeated ServiceDescriptorProto service = 6; optional string syntax = 12; }
  message DescriptorProto { optional string name = 1; repeated FieldDescriptorProto field = 2; repeated DescriptorProto nested_type = 3; repeated EnumDescriptorProto enum_type = 4;
    repeated OneofDescriptorProto oneof_decl = 8; optional MessageOptions options = 7; }
  message MessageOptions { optional bool map_entry = 7; }
  message FieldDescriptorProto {
    enum Type { TYPE_DOUBLE = 1; TYPE_FLOAT = 2; TYPE_INT64 = 3; TYPE_UINT64 = 4; TYPE_INT32 = 5; TYPE_FIXED64 = 6; TYPE_FIXED32 = 7; TYPE_BOOL = 8; TYPE_STRING = 9; TYPE_GROUP = 10;
      TYPE_MESSAGE = 11; TYPE_BYTES = 12; TYPE_UINT32 = 13; TYPE_ENUM = 14; TYPE_SFIXED32 = 15; TYPE_SFIXED64 = 16; TYPE_SINT32 = 17; TYPE_SINT64 = 18; }
    enum Label { LABEL_OPTIONAL = 1; LABEL_REQUIRED = 2; LABEL_REPEATED = 3; }
    optional string name = 1; optional int32 number = 3; optional Label label = 4; optional Type type = 5; optional string type_name = 6; optional string default_value = 7;
    optional FieldOptions options = 8; optional int32 oneof_index = 9; optional string json_name = 10; optional bool proto3_optional = 17; }
  message FieldOptions { optional bool packed = 2; }
  message OneofDescriptorProto { optional string name = 1; }
  message EnumDescriptorProto { optional string name = 1; repeated EnumValueDescriptorProto value = 2; }
  message EnumValueDescriptorProto { optional string name = 1; optional int32 number = 2; }
  message ServiceDescriptorProto { optional string name = 1; repeated MethodDescriptorProto method = 2; }
  message MethodDescriptorProto { optional string name = 1; optional string input_type = 2; optional string output_type = 3; optional bool client_streaming = 5; optional bool server_streaming = 6; }]]

return M
