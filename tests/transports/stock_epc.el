;;; stock_epc.el --- The service with epc.el as it is, for its client -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;;; Commentary:

;; test_epc_tcp.py runs it, with Debian's elpa-epc on the load path.  It lies
;; here because everything below elisp/ and tests/elisp/ knows nothing of epc.el.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'epc)

(defconst stock-token (mapconcat (lambda (_) "7f") (make-list 32 nil) "")
  "The secret of the service.")

(defmacro stock-with (manager &rest body)
  "Run BODY with MANAGER bound to a service that epc.el has started and greeted."
  (declare (indent 1) (debug t))
  `(let ((,manager (let ((process-environment
                          (cons (concat "PEN_EPC_TOKEN=" stock-token) process-environment)))
                     (epc:start-epc (getenv "PEN_PYTHON")
                                    (list "-P" (getenv "PEN_PEER") "--tcp" "--state" (getenv "PEN_STATE"))))))
     (unwind-protect
         (progn
           (stock-greet ,manager)
           ,@body)
       (epc:stop-epc ,manager))))

(defun stock-greet (manager)
  "Greet the service of MANAGER."
  (should (equal 1 (plist-get (epc:call-sync manager 'pen-hello
                                             (list (list :protocol 1 :token stock-token)))
                              :protocol))))

(defun stock-until (condition)
  "Wait until CONDITION holds, ten seconds at most."
  (let ((until (+ (float-time) 10)))
    (while (not (funcall condition))
      (when (> (float-time) until)
        (ert-fail "It never came"))
      (accept-process-output nil 0.01))))

(ert-deftest stock-ping ()
  (stock-with manager
    (should (equal "pong" (epc:call-sync manager 'test-ping nil)))))

(ert-deftest stock-texts-and-records ()
  (stock-with manager
    (dolist (text (list "größe — 😀" "a\"b\\c\nd" (make-string 100000 ?é)))
      (should (equal text (epc:call-sync manager 'test-echo (list (list :text text))))))
    (let ((rows (epc:call-sync manager 'test-rows (list (list :count 100)))))
      (should (= 100 (length rows)))
      (should (equal '(:text "row 3" :weight 1.5 :label nil) (nth 3 rows))))))

(ert-deftest stock-methods ()
  (stock-with manager
    (should (assq 'test-add (epc:sync manager (epc:query-methods-deferred manager))))))

(ert-deftest stock-error-comes-by-deferred ()
  (stock-with manager
    (let ((said nil))
      (deferred:$ (epc:call-deferred manager 'test-fail (list nil))
                  (deferred:error it (lambda (err) (setq said (format "%s" err)))))
      (stock-until (lambda () said))
      (should (string-match-p "pen-error (:kind data :message \"Line 3 is no JSON.\"" said)))
    (should (equal "pong" (epc:call-sync manager 'test-ping nil)))))

(ert-deftest stock-events ()
  (stock-with manager
    (let ((events nil))
      (epc:define-method manager 'pen-event
                         (lambda (id sequence kind plist)
                           (push (list id sequence kind plist) events)
                           nil))
      (let ((id (epc:call-sync manager 'test-story (list nil))))
        (stock-until (lambda () (eq 'done (nth 2 (car events)))))
        (should (equal (mapcar (lambda (one) (list (nth 0 one) (nth 1 one) (nth 2 one)))
                               (reverse events))
                       (cl-loop for kind in '(log progress delta delta done) for n from 0
                                collect (list id n kind)))))
      (should (equal "pong" (epc:call-sync manager 'test-ping nil))))))

(ert-deftest stock-restart ()
  (stock-with manager
    (let ((before (plist-get (epc:call-sync manager 'pen-hello
                                            (list (list :protocol 1 :token stock-token)))
                             :pid)))
      (let ((process-environment
             (cons (concat "PEN_EPC_TOKEN=" stock-token) process-environment)))
        (epc:manager-restart-process manager))
      (stock-greet manager)
      (should (equal "pong" (epc:call-sync manager 'test-ping nil)))
      (should-not (equal before (plist-get (epc:call-sync manager 'pen-hello
                                                          (list (list :protocol 1 :token stock-token)))
                                           :pid))))))

(provide 'stock_epc)
;;; stock_epc.el ends here
