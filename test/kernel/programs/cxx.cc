// A C++ program whose static objects are made before main.

#include <iostream>
#include <string>

static const std::string made = std::string("constructed ") + "before main";

int main() {
  std::cout << made << std::endl;
  return 0;
}
