// cnn_input.cpp: the CNN input on a CPU.
#include "cnn_input.hpp"

PW_TABLE(CnnInputTable, cnn_input) = {pw::prepare_frame, pw::scale_picture};
