;;; pen-stream-test.el --- Following a request to its end -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'pen-rpc-fake)
(require 'pen-rpc-methods)
(require 'pen-stream)

(defun pen-stream-test--follow (answer)
  "Return the events of a job's watch answered by ANSWER, and the stream."
  (let* ((events nil) stream)
    (pen-rpc-fake-with (list (cons "jobs-watch" answer))
      (setq stream (pen-stream-start #'pen-rpc-jobs-watch '(:id "j")
                                     (lambda (kind plist) (push (cons kind plist) events))))
      (pen-rpc-fake-settle))
    (list (nreverse events) stream)))

(ert-deftest pen-stream-test-events-come-in-order-to-the-end ()
  (should (equal (mapcar #'car (car (pen-stream-test--follow
                                     '(events (log :text "a") (progress :step 1)
                                              (done :value 3)))))
                 '(log progress done))))

(ert-deftest pen-stream-test-a-call-that-fails-ends-as-an-error-event ()
  (pcase-let ((`((,event) ,stream) (pen-stream-test--follow '(error not-found "No job j."))))
    (should (eq (car event) 'error))
    (should (eq (plist-get (cdr event) :kind) 'not-found))
    (should (equal (plist-get (cdr event) :message) "No job j."))
    (should-not (pen-stream-cancel stream))))

(ert-deftest pen-stream-test-nothing-comes-after-a-cancel ()
  (let (events)
    (pen-rpc-fake-with '(("jobs-watch" events (log :text "a")))
      (let ((stream (pen-stream-start #'pen-rpc-jobs-watch '(:id "j")
                                      (lambda (kind _) (push kind events)))))
        (pen-rpc-fake-settle)
        (should (pen-stream-cancel stream))
        (should-not (pen-stream-cancel stream))
        (pen-rpc-fake-settle)
        (should (equal (pen-rpc-fake-last "pen-cancel") '(:id "fake-1")))
        (should (equal events '(log)))))))

(ert-deftest pen-stream-test-wait-returns-the-value-and-hands-on-the-rest ()
  (pen-rpc-fake-with '(("jobs-watch" events (log :text "a") (done :value (:id "j"))))
    (let (seen)
      (should (equal (pen-stream-wait #'pen-rpc-jobs-watch '(:id "j") 2
                                      (lambda (kind _) (push kind seen)))
                     '(:id "j")))
      (should (equal seen '(log))))))

(ert-deftest pen-stream-test-wait-signals-errors-and-cancels ()
  (pen-rpc-fake-with '(("jobs-watch" events (error :kind data :message "Bad.")))
    (should-error (pen-stream-wait #'pen-rpc-jobs-watch '(:id "j") 2)
                  :type 'pen-data-error))
  (pen-rpc-fake-with '(("jobs-watch" events (done :reason cancelled :value nil)))
    (should-error (pen-stream-wait #'pen-rpc-jobs-watch '(:id "j") 2)
                  :type 'pen-cancelled-error)))

(ert-deftest pen-stream-test-wait-for-an-event-within-an-event-is-refused ()
  (pen-rpc-fake-with '(("jobs-watch" events (log :text "a")))
    (let (result)
      (pen-stream-start
       #'pen-rpc-jobs-watch '(:id "j")
       (lambda (_kind _plist)
         (setq result (condition-case err
                          (pen-stream-wait #'pen-rpc-jobs-watch '(:id "k") 0.2)
                        (error err)))))
      (pen-rpc-fake-settle)
      (should (eq (car result) 'error))
      (should (string-match-p "must not wait" (cadr result)))
      (should (= 1 (length pen-rpc-fake-calls))))))

(provide 'pen-stream-test)
;;; pen-stream-test.el ends here
