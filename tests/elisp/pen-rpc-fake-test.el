;;; pen-rpc-fake-test.el --- The service that answers from a table -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'pen-rpc-fake)

(ert-deftest pen-rpc-fake-test-answers-a-call-that-waits ()
  (pen-rpc-fake-with (list (list "a-b" 'value '(1 2))
                           (list "a-c" (lambda (plist) (plist-get plist :n))))
    (should (equal (pen-rpc-call-sync "a-b" nil) '(1 2)))
    (should (equal (pen-rpc-call-sync "a-c" '(:n 3)) 3))
    (should (equal (pen-rpc-fake-last "a-c") '(:n 3)))))

(ert-deftest pen-rpc-fake-test-answers-after-the-call ()
  (pen-rpc-fake-with (list (list "a-b" 'value 1))
    (let (value)
      (pen-rpc-call "a-b" nil (lambda (v) (setq value v)))
      (should-not value)
      (pen-rpc-fake-settle)
      (should (equal value 1)))))

(ert-deftest pen-rpc-fake-test-errors-are-conditions ()
  (pen-rpc-fake-with (list (list "a-b" 'error 'data "It is bad." :where "f:1"))
    (should (equal (should-error (pen-rpc-call-sync "a-b" nil) :type 'pen-data-error)
                   '(pen-data-error "It is bad." (:kind data :message "It is bad." :where "f:1"))))))

(ert-deftest pen-rpc-fake-test-events-and-cancel ()
  (pen-rpc-fake-with (list (list "a-b" 'events '(delta :index 0 :text "x")))
    (let* (events
           (id (pen-rpc-call-sync "a-b" nil)))
      (pen-rpc-on-event id (lambda (kind plist) (push (cons kind plist) events)))
      (pen-rpc-fake-settle)
      (pen-rpc-fake-event id 'delta :index 0 :text "y")
      (pen-rpc-cancel id)
      (pen-rpc-fake-settle)
      (should (equal (mapcar #'car events) '(done delta delta))))))

(ert-deftest pen-rpc-fake-test-a-hanging-method-runs-into-the-deadline ()
  (pen-rpc-fake-with (list (list "a-b" 'hang))
    (should-error (pen-rpc-call-sync "a-b" nil 0.05) :type 'pen-deadline-error)
    (should (equal (pen-rpc-fake-last "pen-cancel") (list :call 1)))))

(ert-deftest pen-rpc-fake-test-quitting-cancels ()
  (pen-rpc-fake-with (list (list "a-b" 'hang))
    (run-at-time 0.05 nil (lambda () (setq quit-flag t)))
    (should (eq 'quit (condition-case nil
                          (pen-rpc-call-sync "a-b" nil 5)
                        (quit 'quit))))
    (should (equal (pen-rpc-fake-last "pen-cancel") (list :call 1)))))

(provide 'pen-rpc-fake-test)
;;; pen-rpc-fake-test.el ends here
