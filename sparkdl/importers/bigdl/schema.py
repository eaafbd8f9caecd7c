"""The messages of BigDL's model files, as one table, and the protobuf classes made of it.

A line is a message or an enum. A field is `name number type`, with `*` where it repeats and `%` for a map from names;
an enum lists its values from 0. The numbers are those of BigDL 2.x, whose files have the fields of older versions too.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "com.intel.analytics.bigdl.serialization"

MESSAGES = {
    "BigDLModule": """name 1 string, subModules 2 BigDLModule*, weight 3 BigDLTensor, bias 4 BigDLTensor,
 preModules 5 string*, nextModules 6 string*, moduleType 7 string, attr 8 AttrValue%, version 9 string, train 10 bool,
 namePostfix 11 string, id 12 int32, inputShape 13 Shape, outputShape 14 Shape, hasParameters 15 bool,
 parameters 16 BigDLTensor*, isMklInt8Enabled 17 bool, inputDimMasks 18 int32, inputScales 19 AttrValue*,
 outputDimMasks 20 int32, outputScales 21 AttrValue*, weightDimMasks 22 int32, weightScales 23 AttrValue*""",
    "InitMethod": "methodType 1 InitMethodType, data 2 double*",
    "BigDLTensor": """datatype 1 DataType, size 2 int32*, stride 3 int32*, offset 4 int32, dimension 5 int32,
 nElements 6 int32, isScalar 7 bool, storage 8 TensorStorage, id 9 int32, tensorType 10 TensorType""",
    "TensorStorage": """datatype 1 DataType, float_data 2 float*, double_data 3 double*, bool_data 4 bool*,
 string_data 5 string*, int_data 6 int32*, long_data 7 int64*, bytes_data 8 bytes*, id 9 int32""",
    "Regularizer": "regularizerType 1 RegularizerType, regularData 2 double*",
    "ArrayValue": """size 1 int32, datatype 2 DataType, i32 3 int32*, i64 4 int64*, flt 5 float*, dbl 6 double*,
 str 7 string*, boolean 8 bool*, Regularizer 9 Regularizer*, tensor 10 BigDLTensor*, variableFormat 11 VarFormat*,
 initMethod 12 InitMethod*, bigDLModule 13 BigDLModule*, nameAttrList 14 NameAttrList*, dataFormat 15 InputDataFormat*,
 custom 16 Any*, shape 17 Shape*""",
    "AttrValue": """dataType 1 DataType, subType 2 string, int32Value 3 int32, int64Value 4 int64, floatValue 5 float,
 doubleValue 6 double, stringValue 7 string, boolValue 8 bool, regularizerValue 9 Regularizer,
 tensorValue 10 BigDLTensor, variableFormatValue 11 VarFormat, initMethodValue 12 InitMethod,
 bigDLModuleValue 13 BigDLModule, nameAttrListValue 14 NameAttrList, arrayValue 15 ArrayValue,
 dataFormatValue 16 InputDataFormat, customValue 17 Any, shape 18 Shape""",
    "NameAttrList": "name 1 string, attr 2 AttrValue%",
    "Shape": "shapeType 1 ShapeType, ssize 2 int32, shapeValue 3 int32*, shape 4 Shape*",
}
# All fields of AttrValue that hold a value exclude each other.
_FIRST_VALUE = 3
ENUMS = {
    "VarFormat": "EMPTY_FORMAT DEFAULT ONE_D IN_OUT OUT_IN IN_OUT_KW_KH OUT_IN_KW_KH GP_OUT_IN_KW_KH GP_IN_OUT_KW_KH "
    "OUT_IN_KT_KH_KW",
    "InitMethodType": "EMPTY_INITIALIZATION RANDOM_UNIFORM RANDOM_UNIFORM_PARAM RANDOM_NORMAL ZEROS ONES CONST XAVIER "
    "BILINEARFILLER",
    "RegularizerType": "L1L2Regularizer L1Regularizer L2Regularizer",
    "InputDataFormat": "NCHW NHWC",
    "TensorType": "DENSE QUANT",
    "DataType": "INT32 INT64 FLOAT DOUBLE STRING BOOL CHAR SHORT BYTES REGULARIZER TENSOR VARIABLE_FORMAT INITMETHOD "
    "MODULE NAME_ATTR_LIST ARRAY_VALUE DATA_FORMAT CUSTOM SHAPE",
    "ShapeType": "SINGLE MULTI",
}
_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "string": _Field.TYPE_STRING,
    "bytes": _Field.TYPE_BYTES,
    "bool": _Field.TYPE_BOOL,
    "int32": _Field.TYPE_INT32,
    "int64": _Field.TYPE_INT64,
    "float": _Field.TYPE_FLOAT,
    "double": _Field.TYPE_DOUBLE,
}
# Where BigDL's file nests a type in a message.
_NESTED = {"ArrayValue": "AttrValue", "ShapeType": "Shape"}


@cache
def message_class(name: str) -> Any:
    """The protobuf class of a message of the table.

    Example:
        >>> message_class("BigDLModule")(name="fc").SerializeToString()
        b'\\n\\x02fc'
    """
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"{PACKAGE}.{name}"))


def enum_number(enum: str, value: str) -> int:
    """The number of a value of an enum of the table."""
    return ENUMS[enum].split().index(value)


@cache
def _pool() -> Any:
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(any_pb2.DESCRIPTOR.serialized_pb)
    file = descriptor_pb2.FileDescriptorProto(name="bigdl.proto", package=PACKAGE, syntax="proto3")
    file.dependency.append(any_pb2.DESCRIPTOR.name)
    messages: dict[str, Any] = {}
    for name in MESSAGES:
        if name not in _NESTED:
            messages[name] = file.message_type.add(name=name)
    for name in MESSAGES:
        if name in _NESTED:
            messages[name] = messages[_NESTED[name]].nested_type.add(name=name)
    for name, values in ENUMS.items():
        home = messages[_NESTED[name]].enum_type if name in _NESTED else file.enum_type
        enum = home.add(name=name)
        for number, value in enumerate(values.split()):
            enum.value.add(name=value, number=number)
    for name, fields in MESSAGES.items():
        _add_fields(messages[name], name, fields)
    pool.Add(file)
    return pool


def _add_fields(message: Any, name: str, fields: str) -> None:
    if name == "AttrValue":
        message.oneof_decl.add(name="value")
    for text in fields.split(","):
        field_name, number, kind = text.split()
        field = message.field.add(name=field_name, number=int(number), label=_Field.LABEL_OPTIONAL)
        if kind[-1] in "*%":
            field.label = _Field.LABEL_REPEATED
        if kind.endswith("%"):
            _set_type(field, kind[:-1], entry=_map_entry(message, name, field_name, kind[:-1]))
        else:
            _set_type(field, kind.rstrip("*"))
        if name == "AttrValue" and int(number) >= _FIRST_VALUE:
            field.oneof_index = 0


def _set_type(field: Any, kind: str, entry: str | None = None) -> None:
    if entry is not None:
        field.type, field.type_name = _Field.TYPE_MESSAGE, entry
    elif kind in _SCALARS:
        field.type = _SCALARS[kind]
    elif kind in ENUMS:
        field.type, field.type_name = _Field.TYPE_ENUM, _full_name(kind)
    else:
        field.type, field.type_name = _Field.TYPE_MESSAGE, _full_name(kind)


def _full_name(kind: str) -> str:
    if kind == "Any":
        return ".google.protobuf.Any"
    return f".{PACKAGE}.{_NESTED[kind]}.{kind}" if kind in _NESTED else f".{PACKAGE}.{kind}"


def _map_entry(message: Any, name: str, field: str, value: str) -> str:
    """Protobuf's maps are lists of entries: the type of one."""
    title = field[0].upper() + field[1:] + "Entry"
    entry = message.nested_type.add(name=title)
    entry.options.map_entry = True
    key = entry.field.add(name="key", number=1, label=_Field.LABEL_OPTIONAL)
    key.type = _Field.TYPE_STRING
    _set_type(entry.field.add(name="value", number=2, label=_Field.LABEL_OPTIONAL), value)
    return f".{PACKAGE}.{name}.{title}"
