;;; pen-rpc-events-test.el --- Events that come before anybody follows them -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'pen-rpc-events)

(ert-deftest pen-rpc-events-test-what-nobody-follows-is-kept-as-far-as-64-events-go ()
  (dolist (count '(64 65 70))
    (let ((kinds nil) (id (format "req-early-%d" count)))
      (dotimes (number (1- count))
        (pen-rpc--queue id number 'log '(:text "x")))
      (pen-rpc--queue id (1- count) 'done '(:value nil))
      (pen-rpc-on-event id (lambda (kind _) (push kind kinds)))
      (pen-rpc--deliver)
      (should (eq (car kinds) (if (> count 64) 'error 'done)))
      (should (= (length kinds) (min 65 count)))
      (should-not (gethash id pen-rpc--followed)))))

(ert-deftest pen-rpc-events-test-what-nobody-follows-is-dropped-after-ten-seconds ()
  (pen-rpc--queue "req-old" 0 'log nil)
  (pen-rpc--queue "req-young" 0 'log nil)
  (unwind-protect
      (progn
        (cl-decf (pen-rpc--request-born (gethash "req-old" pen-rpc--followed)) 10.1)
        (cl-decf (pen-rpc--request-born (gethash "req-young" pen-rpc--followed)) 8)
        (pen-rpc--queue "req-other" 0 'log nil)
        (should-not (gethash "req-old" pen-rpc--followed))
        (should (gethash "req-young" pen-rpc--followed)))
    (dolist (id '("req-old" "req-young" "req-other"))
      (remhash id pen-rpc--followed))))

(provide 'pen-rpc-events-test)
;;; pen-rpc-events-test.el ends here
